package com.facebook.jni;

/** Holds a native object of a Java one. Own stand-in for fbjni's class, made for its library. */
public class HybridData {
    static {
        System.loadLibrary("fbjni");
    }

    private final Destructor mDestructor = new Destructor();

    public synchronized void resetNative() {
        mDestructor.destruct();
    }

    public boolean isValid() {
        return mDestructor.mNativePointer != 0;
    }

    /** Its native half sets and reads the pointer. What is not reset stays until the end. */
    public static class Destructor {
        private volatile long mNativePointer;

        final void destruct() {
            long pointer = mNativePointer;
            mNativePointer = 0;
            if (pointer != 0) {
                deleteNative(pointer);
            }
        }

        static native void deleteNative(long pointer);
    }
}
