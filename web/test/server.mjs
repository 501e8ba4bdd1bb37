// Starts what the tests visit: `garrigue demo` in a directory of its own, on a free port.
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const home = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** freePort asks the system for a port nobody listens to. */
function freePort() {
  return new Promise((done, fail) => {
    const s = createServer().on("error", fail).listen(0, "127.0.0.1", () => {
      const { port } = s.address();
      s.close(() => done(port));
    });
  });
}

/**
 * startDemo builds the demo atlas and serves it; GARRIGUE_URL names one already running instead.
 * @returns {Promise<{url: string, stop: () => Promise<void>}>}
 */
export async function startDemo() {
  if (process.env.GARRIGUE_URL) return { url: process.env.GARRIGUE_URL.replace(/\/$/, ""), stop: async () => {} };
  const program = process.env.GARRIGUE_BIN ?? join(home, "bin/garrigue");
  const dir = await mkdtemp(join(tmpdir(), "garrigue-test-"));
  const port = await freePort(), url = `http://127.0.0.1:${port}`;
  const child = spawn(program, ["demo", "--into", join(dir, "demo"), "--addr", `127.0.0.1:${port}`, "--quiet"], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "", ended = null;
  for (const s of [child.stdout, child.stderr]) s.on("data", (d) => { said = (said + d).slice(-4000); });
  child.on("error", (e) => { ended = e.message; });
  child.on("exit", (code, signal) => { ended ??= `ended with ${code ?? signal}`; });

  const stop = async () => {
    if (ended === null) {
      const over = new Promise((done) => child.on("exit", done));
      child.kill("SIGINT");
      const late = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await over;
      clearTimeout(late);
    }
    await rm(dir, { recursive: true, force: true });
  };
  const deadline = Date.now() + 180_000;
  while (Date.now() < deadline) {
    if (ended !== null) {
      await stop();
      throw new Error(`${program} ${ended}\n${said}`);
    }
    try {
      if ((await fetch(`${url}/api/v1/atlas`)).ok) return { url, stop };
    } catch { /* not listening yet */ }
    await new Promise((r) => setTimeout(r, 200));
  }
  await stop();
  throw new Error(`${program} was not ready in three minutes\n${said}`);
}
