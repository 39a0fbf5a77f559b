package org.tensorflow.lite;

/** With the numbers of TfLiteType; LiteRT's Java interface knows no others. */
public enum DataType {
    FLOAT32(1),
    INT32(2),
    UINT8(3),
    INT64(4),
    STRING(5),
    BOOL(6),
    INT16(7),
    INT8(9);

    private final int number;

    DataType(int number) {
        this.number = number;
    }

    static DataType fromC(int number) {
        for (DataType type : values()) if (type.number == number) return type;
        throw new IllegalArgumentException(
                "DataType error: DataType " + number + " is not recognized in Java");
    }
}
