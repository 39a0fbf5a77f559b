package dev.edgekd.demo.input

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.graphics.Path
import android.util.AttributeSet
import android.view.MotionEvent
import android.view.View
import dev.edgekd.core.demo.Sketch
import dev.edgekd.core.prediction.Sample
import dev.edgekd.demo.R

/** A square to draw on with a finger, light on dark. */
internal class DrawingView(context: Context, attributes: AttributeSet?) :
    View(context, attributes) {
    private val ink = context.getColor(R.color.ink)
    private val path = Path()
    private var finger = MotionEvent.INVALID_POINTER_ID

    /** What was drawn. */
    val sketch: Sketch = Sketch()

    /** Told while a line grows, and with true when the finger leaves the screen. */
    var onDrawn: ((finished: Boolean) -> Unit)? = null

    fun clear() {
        sketch.clear()
        invalidate()
    }

    /** Draw what an earlier screen kept. */
    fun restore(numbers: FloatArray) {
        sketch.restore(numbers)
        invalidate()
    }

    /** The drawing, white on black. */
    fun picture(): Sample.Image {
        val bitmap = Bitmap.createBitmap(PIXELS, PIXELS, Bitmap.Config.ARGB_8888)
        val canvas = Canvas(bitmap)
        canvas.drawColor(Color.BLACK)
        trace(PIXELS)
        canvas.drawPath(path, paint(Color.WHITE, PIXELS))
        return bitmap.toSample()
    }

    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        val side = squareSide(widthMeasureSpec)
        setMeasuredDimension(side, side)
    }

    override fun onDraw(canvas: Canvas) {
        super.onDraw(canvas)
        trace(width)
        canvas.drawPath(path, paint(ink, width))
    }

    override fun onTouchEvent(event: MotionEvent): Boolean {
        when (event.actionMasked) {
            MotionEvent.ACTION_DOWN -> {
                // What scrolls around it must not take the finger away.
                parent.requestDisallowInterceptTouchEvent(true)
                finger = event.getPointerId(0)
                sketch.begin(event.x / width, event.y / height)
                drawn(finished = false)
            }

            MotionEvent.ACTION_MOVE -> {
                follow(event, finished = false)
            }

            MotionEvent.ACTION_UP, MotionEvent.ACTION_CANCEL -> {
                follow(event, finished = true)
            }

            MotionEvent.ACTION_POINTER_UP -> {
                if (event.getPointerId(event.actionIndex) == finger) follow(event, finished = true)
            }

            else -> {
                return super.onTouchEvent(event)
            }
        }
        return true
    }

    /** Only the finger that was there first draws. */
    private fun follow(event: MotionEvent, finished: Boolean) {
        val index = event.findPointerIndex(finger)
        if (index < 0) return
        for (past in 0 until event.historySize) {
            val x = event.getHistoricalX(index, past) / width
            sketch.extend(x, event.getHistoricalY(index, past) / height)
        }
        sketch.extend(event.getX(index) / width, event.getY(index) / height)
        if (finished) finger = MotionEvent.INVALID_POINTER_ID
        drawn(finished)
    }

    private fun drawn(finished: Boolean) {
        invalidate()
        onDrawn?.invoke(finished)
    }

    private fun trace(side: Int) {
        path.reset()
        for (line in sketch.lines) {
            val first = line.first()
            path.moveTo(first.x * side, first.y * side)
            // Back to where it began first: a dot is drawn as well.
            for (point in line) path.lineTo(point.x * side, point.y * side)
        }
    }

    private fun paint(tone: Int, side: Int) =
        Paint(Paint.ANTI_ALIAS_FLAG).apply {
            color = tone
            strokeWidth = PEN * side
            style = Paint.Style.STROKE
            strokeCap = Paint.Cap.ROUND
            strokeJoin = Paint.Join.ROUND
        }

    private companion object {
        /** Of a picture's side: ten times that of MNIST. */
        const val PIXELS = 280

        /** Of the line, as a share of a side: about that of hand-written digits. */
        const val PEN = 0.1f
    }
}
