// Stands in for AndroidX.

package androidx.activity.result

class ActivityResultLauncher<T> {
    fun launch(input: T) {}
}
