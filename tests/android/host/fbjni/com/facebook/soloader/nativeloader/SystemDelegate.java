package com.facebook.soloader.nativeloader;

/** Loads from {@code java.library.path}. Own stand-in for the class of that name. */
public final class SystemDelegate implements NativeLoaderDelegate {
    @Override
    public boolean loadLibrary(String shortName, int flags) {
        System.loadLibrary(shortName);
        return true;
    }
}
