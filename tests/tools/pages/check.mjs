// node check.mjs MODULES PICTURES PAGE...: opens each page on a desktop and a phone, light and dark; ends with 1 after a finding.
// The picture of PAGE.html at a width is PICTURES/PAGE-<width>.png, if PICTURES is not empty.
import { createRequire } from "node:module";
import { basename } from "node:path";
import { readFileSync } from "node:fs";

const [modules, pictures, ...pages] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const browser = await require("puppeteer-core").launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
let findings = 0;
const screens = [["desktop", 1100, 800], ["400", 400, 800]];

for (const file of pages) {
  for (const [screen, width, height] of screens) {
    for (const scheme of ["light", "dark"]) {
      const page = await browser.newPage();
      const asked = [];
      page.on("request", (request) => request.url().startsWith("file:") || asked.push(request.url()));
      await page.setBypassCSP(true);
      await page.setViewport({ width, height });
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      await page.goto(`file://${file}`);
      if (pictures && scheme === "light") {
        await page.screenshot({ path: `${pictures}/${basename(file, ".html")}-${screen}.png` });
      }
      await page.evaluate(() => document.querySelectorAll("details").forEach((one) => (one.open = true)));
      await page.evaluate(axe);
      const found = (await page.evaluate(() => axe.run())).violations.map((one) => `${one.id}: ${one.help}`);
      if (await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth)) found.push("wider than the screen");
      found.push(...asked.map((url) => `asks the network for ${url}`));
      found.forEach((one) => console.log(`${basename(file)}, ${screen}, ${scheme}: ${one}`));
      findings += found.length;
      await page.close();
    }
  }
}
await browser.close();
console.log(`${findings} findings on ${pages.length} pages, desktop and phone, light and dark`);
process.exit(findings ? 1 : 0);
