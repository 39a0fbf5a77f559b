package dev.edgekd.demo

/** Keeps the loaded models from one screen to the next while it is turned. */
internal object TurningSession {
    private var kept: Pair<List<String>, DemoSession>? = null

    /** Keep the session of the bundles of [keys]; one that nobody took up is closed. */
    fun keep(keys: List<String>, session: DemoSession) {
        kept?.second?.close()
        kept = Pair(keys, session)
    }

    /** The session of the bundles of [keys], where there is one. */
    fun take(keys: List<String>): DemoSession? {
        val found = kept ?: return null
        kept = null
        if (found.first == keys) return found.second
        found.second.close()
        return null
    }
}
