document.documentElement.dataset.brand = 'here';
