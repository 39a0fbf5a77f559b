package com.facebook.jni;

/** Own stand-in for fbjni's class. */
public abstract class HybridClassBase extends HybridData {}
