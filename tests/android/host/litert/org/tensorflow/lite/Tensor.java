package org.tensorflow.lite;

import java.nio.ByteBuffer;

public interface Tensor {
    /** Scale 0 where the tensor is not quantized, or each channel by itself. */
    class QuantizationParams {
        private final float scale;
        private final int zeroPoint;

        QuantizationParams(float scale, int zeroPoint) {
            this.scale = scale;
            this.zeroPoint = zeroPoint;
        }

        public float getScale() {
            return scale;
        }

        public int getZeroPoint() {
            return zeroPoint;
        }
    }

    DataType dataType();

    int[] shape();

    String name();

    QuantizationParams quantizationParams();

    ByteBuffer asReadOnlyBuffer();
}
