package java.util;

public class Base64 {
    private Base64() {}

    public static Encoder getEncoder() {
        throw new AssertionError();
    }

    public static class Encoder {
        private Encoder() {}

        public byte[] encode(byte[] source) {
            throw new AssertionError();
        }
    }
}
