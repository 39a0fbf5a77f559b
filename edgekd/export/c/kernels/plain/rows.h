/* The row of a table that a number names. A number outside the table names the first row: nothing
   outside is ever read. */
static inline int32_t edgekd_row(int32_t number, int32_t rows)
{
    return (uint32_t)number < (uint32_t)rows ? number : 0;
}
