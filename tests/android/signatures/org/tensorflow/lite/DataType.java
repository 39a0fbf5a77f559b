package org.tensorflow.lite;

/** To compile against; the application takes com.google.ai.edge.litert:litert. */
public enum DataType {
    FLOAT32,
    INT32,
    UINT8,
    INT64,
    STRING,
    BOOL,
    INT16,
    INT8
}
