package com.facebook.soloader.nativeloader;

/** Loads native libraries. Own stand-in for the interface of that name. */
public interface NativeLoaderDelegate {
    boolean loadLibrary(String shortName, int flags);
}
