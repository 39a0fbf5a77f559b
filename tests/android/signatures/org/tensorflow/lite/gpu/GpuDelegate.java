package org.tensorflow.lite.gpu;

import org.tensorflow.lite.Delegate;

/** To compile against; the application takes com.google.ai.edge.litert:litert-gpu. */
public class GpuDelegate implements Delegate {
    public GpuDelegate() {
        throw new UnsupportedOperationException();
    }

    @Override
    public long getNativeHandle() {
        throw new UnsupportedOperationException();
    }

    @Override
    public void close() {
        throw new UnsupportedOperationException();
    }
}
