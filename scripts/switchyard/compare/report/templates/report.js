"use strict";
(() => {
  // Words as people sort them: "tasks 9" before "tasks 10".
  const words = new Intl.Collator("en", { numeric: true });

  // What a cell is sorted by; null for an empty one, which comes last either way.
  function key(row, index, isNumber) {
    const value = row.cells[index].dataset.value;
    if (value === "") return null;
    return isNumber ? Number(value) : value;
  }

  function compare(a, b, isNumber, sign) {
    if (a === null || b === null) return (a === null) - (b === null);
    return sign * (isNumber ? a - b : words.compare(a, b));
  }

  function sortBy(header) {
    const isNumber = header.classList.contains("number");
    const index = header.cellIndex;
    const descending = header.getAttribute("aria-sort") === "ascending";
    for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const body = header.closest("table").tBodies[0];
    const keyed = Array.from(body.rows, (row) => [key(row, index, isNumber), row]);
    keyed.sort((a, b) => compare(a[0], b[0], isNumber, descending ? -1 : 1));
    body.append(...keyed.map(([, row]) => row));
  }

  function select(element) {
    const range = document.createRange();
    range.selectNodeContents(element);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  }

  // Where a page may not use the clipboard, the command is selected, ready to be copied by hand.
  async function copy(button) {
    const code = button.closest(".command").querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      select(code);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  }

  // Paper can't be unfolded, and not every browser knows how style says so.
  let folded = [];
  function unfold() {
    folded = Array.from(document.querySelectorAll("details:not([open])"));
    for (const details of folded) details.open = true;
  }
  function fold() {
    for (const details of folded) details.open = false;
    folded = [];
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.classList.contains("sort")) sortBy(button.closest("th"));
    if (button?.classList.contains("copy")) copy(button);
  });
  for (const button of document.querySelectorAll(".copy")) button.hidden = false;
  addEventListener("beforeprint", unfold);
  addEventListener("afterprint", fold);
})();
