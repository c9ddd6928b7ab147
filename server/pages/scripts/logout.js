'use strict';
// Goes on once every application's frame has loaded, or after five seconds.
(() => {
  const next = document.getElementById('continue');
  const frames = [...document.querySelectorAll('iframe')];
  if (!next) return;
  const go = () => location.replace(next.href);
  let waiting = frames.length;
  const done = () => { waiting -= 1; if (waiting <= 0) go(); };
  if (document.readyState === 'complete' || waiting === 0) { go(); return; }
  frames.forEach((frame) => { frame.addEventListener('load', done); frame.addEventListener('error', done); });
  window.addEventListener('load', go);
  setTimeout(go, 5000);
})();
