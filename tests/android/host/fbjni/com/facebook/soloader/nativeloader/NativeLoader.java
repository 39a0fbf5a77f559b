package com.facebook.soloader.nativeloader;

/** Where libraries ask for their native part. Own stand-in for the class of that name. */
public final class NativeLoader {
    private static NativeLoaderDelegate delegate;

    private NativeLoader() {}

    public static synchronized boolean isInitialized() {
        return delegate != null;
    }

    public static synchronized void init(NativeLoaderDelegate chosen) {
        if (delegate != null) {
            throw new IllegalStateException("the loader is chosen already");
        }
        delegate = chosen;
    }

    public static boolean loadLibrary(String shortName) {
        return delegate.loadLibrary(shortName, 0);
    }
}
