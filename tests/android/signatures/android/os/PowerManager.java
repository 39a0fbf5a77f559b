package android.os;

public class PowerManager {
    public int getCurrentThermalStatus() {
        throw new AssertionError();
    }

    public float getThermalHeadroom(int forecastSeconds) {
        throw new AssertionError();
    }
}
