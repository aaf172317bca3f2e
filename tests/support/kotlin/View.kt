// Stands in for Android.

package android.view

open class View
