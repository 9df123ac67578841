"use strict";
// A click on a column's head sorts by it, a second click the other way; what is typed filters the rows.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const tools = table.closest("section").querySelector(".tools");
  const rows = () => [...body.rows];
  const key = (row, column) => row.cells[column].dataset.value ?? "";
  const compare = (a, b) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    const [x, y] = [Number(a), Number(b)];
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b, undefined, { numeric: true }) : x - y;
  };
  heads.forEach((head, column) => {
    head.querySelector("button")?.addEventListener("click", () => {
      const falling = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      const sorted = rows().sort((a, b) => {
        const [x, y] = [key(a, column), key(b, column)];
        return x === "" || y === "" ? compare(x, y) : (falling ? -1 : 1) * compare(x, y);
      });
      body.append(...sorted);
    });
  });
  const filter = tools.querySelector(".filter");
  const count = tools.querySelector(".count");
  const show = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let seen = 0;
    for (const row of rows()) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      seen += row.hidden ? 0 : 1;
    }
    count.textContent = `${seen} of ${rows().length}`;
  };
  filter.addEventListener("input", show);
  show();
  if (rows().length < 6) tools.hidden = true;
}
