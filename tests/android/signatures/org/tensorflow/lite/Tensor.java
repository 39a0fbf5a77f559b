package org.tensorflow.lite;

import java.nio.ByteBuffer;

/** To compile against; the application takes com.google.ai.edge.litert:litert. */
public interface Tensor {
    /** Scale 0 where the tensor is not quantized, or each channel by itself. */
    class QuantizationParams {
        public float getScale() {
            throw new UnsupportedOperationException();
        }

        public int getZeroPoint() {
            throw new UnsupportedOperationException();
        }
    }

    DataType dataType();

    int[] shape();

    String name();

    QuantizationParams quantizationParams();

    ByteBuffer asReadOnlyBuffer();
}
