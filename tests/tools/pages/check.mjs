// node check.mjs MODULES PICTURES NAMES PAGE...: opens each page on a desktop and a phone, light and dark; ends with 1 after a finding.
// PAGE.html at a width, or the top of a long page, is PICTURES/PAGE-<width>.png, if PICTURES is not empty and PAGE is one of NAMES.
import { createRequire } from "node:module";
import { basename } from "node:path";
import { readFileSync } from "node:fs";

const [modules, pictures, names, ...pages] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const browser = await require("puppeteer-core").launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
let findings = 0;
// Name, width, height, and most pixels of height in a picture.
const screens = [["desktop", 1100, 800, 960], ["400", 400, 800, 1500]];

for (const file of pages) {
  for (const [screen, width, height, tallest] of screens) {
    for (const scheme of ["light", "dark"]) {
      const page = await browser.newPage();
      const asked = [];
      page.on("request", (request) => request.url().startsWith("file:") || asked.push(request.url()));
      await page.setBypassCSP(true);
      await page.setViewport({ width, height });
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      await page.goto(`file://${file}`);
      const name = basename(file, ".html");
      if (pictures && scheme === "light" && names.split(",").includes(name)) {
        const whole = await page.evaluate(() => document.documentElement.scrollHeight);
        const clip = { x: 0, y: 0, width, height: Math.min(whole, tallest) };
        await page.screenshot({ path: `${pictures}/${name}-${screen}.png`, clip, captureBeyondViewport: true });
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
