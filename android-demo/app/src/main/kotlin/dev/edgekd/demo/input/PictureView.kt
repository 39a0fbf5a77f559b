package dev.edgekd.demo.input

import android.content.Context
import android.util.AttributeSet
import android.view.View
import android.widget.ImageView
import dev.edgekd.demo.R

/** A picture, in the square that a drawing takes. */
internal class PictureView(context: Context, attributes: AttributeSet?) :
    ImageView(context, attributes) {
    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        val side = MeasureSpec.makeMeasureSpec(squareSide(widthMeasureSpec), MeasureSpec.EXACTLY)
        super.onMeasure(side, side)
    }
}

/** The side, in pixels, of a square as wide as there is room, and at most `drawing_most`. */
internal fun View.squareSide(widthMeasureSpec: Int): Int {
    val most = resources.getDimensionPixelSize(R.dimen.drawing_most)
    val bounded = View.MeasureSpec.getMode(widthMeasureSpec) != View.MeasureSpec.UNSPECIFIED
    return if (bounded) minOf(View.MeasureSpec.getSize(widthMeasureSpec), most) else most
}
