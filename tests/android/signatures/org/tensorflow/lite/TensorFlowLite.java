package org.tensorflow.lite;

/** To compile against; the application takes com.google.ai.edge.litert:litert. */
public final class TensorFlowLite {
    private TensorFlowLite() {}

    public static String runtimeVersion() {
        throw new UnsupportedOperationException();
    }
}
