package dev.edgekd.core.benchmark

/** The worse of two looks, value by value: hotter, emptier, not in front. */
internal fun worse(first: Condition, second: Condition): Condition =
    Condition(
        thermalStatus = largest(first.thermalStatus, second.thermalStatus),
        thermalHeadroom = largest(first.thermalHeadroom, second.thermalHeadroom),
        batteryPercent = listOfNotNull(first.batteryPercent, second.batteryPercent).minOrNull(),
        batteryCelsius = largest(first.batteryCelsius, second.batteryCelsius),
        foreground = listOfNotNull(first.foreground, second.foreground).minOrNull(),
    )

private fun <T : Comparable<T>> largest(first: T?, second: T?): T? =
    listOfNotNull(first, second).maxOrNull()
