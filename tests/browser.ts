/**
 * A page in headless Chromium, for tests of what perfprof writes for browsers: opened from a file, asked by expressions, and used
 * with its real mouse and keyboard. Speaks the DevTools protocol itself.
 *
 * @module
 */

const PROGRAMS = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];

/** Chromium, or undefined where there is none. */
export const CHROMIUM = PROGRAMS.find((program) => {
  try {
    return new Deno.Command(program, { args: ["--version"], stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
});

/** An open page. */
export class Page {
  readonly #process: Deno.ChildProcess;
  readonly #profile: string;
  readonly #socket: WebSocket;
  readonly #replies = new Map<number, (reply: Reply) => void>();
  #session: string | undefined;
  #requests = 0;

  private constructor(process: Deno.ChildProcess, profile: string, socket: WebSocket) {
    this.#process = process;
    this.#profile = profile;
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const reply: Reply = JSON.parse(data);
      if (reply.id !== undefined) this.#replies.get(reply.id)?.(reply);
    };
  }

  /** Opens a file. */
  static async open(path: string): Promise<Page> {
    const profile = Deno.makeTempDirSync({ prefix: "perfprof-browser-" });
    const process = new Deno.Command(CHROMIUM!, {
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--remote-debugging-port=0",
        `--user-data-dir=${profile}`,
        "about:blank",
      ],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const socket = new WebSocket(await endpoint(process.stderr));
    await new Promise((opened) => socket.onopen = opened);
    const page = new Page(process, profile, socket);
    try {
      await page.#load(`file://${path}`);
    } catch (error) {
      await page[Symbol.asyncDispose]();
      throw error;
    }
    return page;
  }

  async #load(url: string): Promise<void> {
    const { targetId } = await this.#send("Target.createTarget", { url: "about:blank", width: 1000, height: 600 });
    this.#session = (await this.#send("Target.attachToTarget", { targetId, flatten: true })).sessionId;
    await this.#send("Page.navigate", { url });
    while (await this.evaluate("document.readyState") !== "complete") await new Promise((done) => setTimeout(done, 20));
  }

  /** The value of an expression. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.#send("Runtime.evaluate", { expression, returnByValue: true });
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
    return result.value;
  }

  /** Clicks the middle of the first element whose text is this. */
  async click(text: string): Promise<void> {
    const { x, y } = await this.evaluate(`(() => {
      const element = [...document.querySelectorAll("button")].find(({ textContent }) => textContent === ${
      JSON.stringify(text)
    });
      const { x, y, width, height } = element.getBoundingClientRect();
      return { x: x + width / 2, y: y + height / 2 };
    })()`) as { x: number; y: number };
    for (const type of ["mouseMoved", "mousePressed", "mouseReleased"]) {
      await this.#send("Input.dispatchMouseEvent", {
        type,
        x,
        y,
        button: type === "mouseMoved" ? "none" : "left",
        clickCount: 1,
      });
    }
  }

  /** Presses a key: one that has a name, or a character. */
  async press(key: string): Promise<void> {
    const text = key === "Enter" ? "\r" : key;
    await this.#send("Input.dispatchKeyEvent", { type: "keyDown", key, ...(text.length === 1 && { text }) });
    await this.#send("Input.dispatchKeyEvent", { type: "keyUp", key });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((done) => this.#socket.onclose = done);
    this.#session = undefined;
    await this.#send("Browser.close", {});
    await closed;
    await this.#process.status;
    Deno.removeSync(this.#profile, { recursive: true });
  }

  // deno-lint-ignore no-explicit-any
  async #send(method: string, params: object): Promise<any> {
    const id = ++this.#requests;
    const reply = new Promise<Reply>((done) => this.#replies.set(id, done));
    const session = this.#session === undefined ? {} : { sessionId: this.#session };
    this.#socket.send(JSON.stringify({ id, method, params, ...session }));
    const { result, error } = await reply;
    if (error !== undefined) throw new Error(`${method}: ${JSON.stringify(error)}`);
    return result;
  }
}

interface Reply {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: unknown;
}

/** Where it listens, as it says on stderr; what it says after that is thrown away. */
async function endpoint(stderr: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let said = "";
  const reader = stderr.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`Chromium ended: ${said}`);
    said += decoder.decode(value, { stream: true });
    const found = /^DevTools listening on (ws:\S+)$/m.exec(said);
    if (found === null) continue;
    reader.releaseLock();
    void stderr.pipeTo(new WritableStream()).catch(() => {});
    return found[1]!;
  }
}
