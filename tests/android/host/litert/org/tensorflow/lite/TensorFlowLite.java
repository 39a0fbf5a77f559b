package org.tensorflow.lite;

public final class TensorFlowLite {
    private TensorFlowLite() {}

    /** That of the Python package, whose kernels run. */
    public static String runtimeVersion() {
        init();
        return Kernels.ask('V', out -> {}, in -> in.readUTF());
    }

    static void init() {
        if (Kernels.SERVER == null) {
            throw new UnsatisfiedLinkError(
                    "Failed to load native TensorFlow Lite methods. Check that the correct native"
                            + " libraries are present, and, if using a custom native library, have"
                            + " been properly loaded via System.loadLibrary()");
        }
    }
}
