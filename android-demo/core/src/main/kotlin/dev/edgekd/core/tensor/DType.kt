package dev.edgekd.core.tensor

/** What a tensor holds, with its names in bundles and results and in safetensors files. */
enum class DType(val label: String, val safetensors: String, val bytes: Int) {
    FLOAT32("float32", "F32", 4),
    FLOAT16("float16", "F16", 2),
    FLOAT64("float64", "F64", 8),
    INT8("int8", "I8", 1),
    UINT8("uint8", "U8", 1),
    INT16("int16", "I16", 2),
    INT32("int32", "I32", 4),
    INT64("int64", "I64", 8),
    BOOL("bool", "BOOL", 1),
    ;

    companion object {
        fun named(label: String): DType? = entries.find { it.label == label }
    }
}
