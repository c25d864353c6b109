// How Allure 3 renders allure-results. The categories are the ones that stand beside the results. DRILL_ALLURE_RESULTS and
// DRILL_ALLURE_HISTORY, a copy that Allure adds this run to, are set by reports/allure_render.py for this process alone.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const file = join(process.env.DRILL_ALLURE_RESULTS ?? ".", "categories.json");
const categories = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : [];

export default {
  name: process.env.DRILL_ALLURE_NAME ?? "Recovery drill",
  categories,
  historyPath: process.env.DRILL_ALLURE_HISTORY,
  hideLabels: ["host", "thread", "framework", "language", "package"],
  plugins: {
    awesome: {
      options: {
        singleFile: true,
        reportLanguage: "en",
        groupBy: (process.env.DRILL_ALLURE_GROUP ?? "feature").split(","),
        theme: "auto",
      },
    },
  },
};
