// Stands in for Android: bitmaps in memory, and turning them.

package android.graphics

class Matrix {
    var degrees = 0f

    fun postRotate(degrees: Float): Boolean {
        this.degrees += degrees
        return true
    }
}

class Bitmap(val width: Int, val height: Int, private val pixels: IntArray) {
    enum class Config { ARGB_8888 }

    fun copy(config: Config, isMutable: Boolean): Bitmap = Bitmap(width, height, pixels.copyOf())

    fun getPixels(target: IntArray, offset: Int, stride: Int, x: Int, y: Int, width: Int, height: Int) {
        for (row in 0 until height) {
            for (column in 0 until width) {
                target[offset + row * stride + column] = pixels[(y + row) * this.width + x + column]
            }
        }
    }

    /** Turned by a right angle, clockwise, as positive degrees are on Android. */
    private fun turned(): Bitmap {
        val result = IntArray(pixels.size)
        for (row in 0 until width) {
            for (column in 0 until height) {
                result[row * height + column] = pixels[(height - 1 - column) * width + row]
            }
        }
        return Bitmap(height, width, result)
    }

    companion object {
        fun createBitmap(
            source: Bitmap, x: Int, y: Int, width: Int, height: Int, matrix: Matrix?, filter: Boolean
        ): Bitmap {
            var result = source
            val quarters = ((matrix?.degrees ?: 0f) / 90f).toInt()
            repeat(quarters) { result = result.turned() }
            return result
        }
    }
}
