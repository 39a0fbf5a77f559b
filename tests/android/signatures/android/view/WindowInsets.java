package android.view;

import android.graphics.Insets;

public class WindowInsets {
    public Insets getInsets(int typeMask) {
        throw new AssertionError();
    }

    public static final class Type {
        private Type() {}

        public static int systemBars() {
            throw new AssertionError();
        }

        public static int displayCutout() {
            throw new AssertionError();
        }

        public static int ime() {
            throw new AssertionError();
        }
    }
}
