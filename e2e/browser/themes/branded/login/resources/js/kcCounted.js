// Uses nothing but the attribute.
document.documentElement.dataset.counted = document.querySelectorAll('[data-kcCounted]').length;
