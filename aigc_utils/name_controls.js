// What aigc_utils.widgets.naming runs in the page of a notebook.
(() => {
  const parts = "[role=slider], .ui-slider-handle, .widget-readout, .widget-radio-box";
  const name = () => {
    for (const control of document.querySelectorAll(".widget-slider, .widget-radio")) {
      const beside = control.parentElement?.querySelector(".widget-html");
      const label = control.querySelector(".widget-label")?.textContent || beside?.textContent;
      for (const part of label ? control.querySelectorAll(parts) : []) {
        part.setAttribute("aria-label", label.trim());
        if (part.matches(".widget-radio-box")) part.setAttribute("role", "radiogroup");
        if (part.matches(".widget-readout")) part.setAttribute("role", "textbox");
      }
    }
    for (const image of document.querySelectorAll("img.widget-image")) {
      image.alt ||= "The picture that the controls above make; it is described below.";
    }
  };
  // The other widgets may be drawn later than this one; a page that is busy takes seconds.
  for (const wait of [0, 300, 1000, 3000, 10000]) setTimeout(name, wait);
})();
