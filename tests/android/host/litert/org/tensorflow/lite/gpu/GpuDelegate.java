package org.tensorflow.lite.gpu;

import org.tensorflow.lite.Delegate;

/** There is no GPU here: what happens is what happens where its library is not packaged. */
public class GpuDelegate implements Delegate {
    public GpuDelegate() {
        System.loadLibrary("tensorflowlite_gpu_jni");
    }

    @Override
    public long getNativeHandle() {
        return 0;
    }

    @Override
    public void close() {}
}
