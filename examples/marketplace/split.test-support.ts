import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))
const SMALL = ['--port', '0', '--products', '20', '--customers', '10', '--durability', 'process']

/** A small marketplace, as `npm start` starts it with `--split`, with `--threads` or in one process, which is ready. */
export type SplitRun = {
  readonly child: ChildProcess
  readonly url: string
  /** The commands that it says to try. */
  readonly commands: readonly { readonly method: string; readonly at: string; readonly body: string }[]
  readonly said: () => string
  readonly errors: () => string
  /** Ends it by a signal, and waits for its code. */
  readonly stop: () => Promise<number | null>
}

export async function runSplit(
  folder: string,
  env: Readonly<Record<string, string>> = {},
  how: '--split' | '--threads' | 'together' = '--split',
): Promise<SplitRun> {
  const words = ['--conditions=dure-source', MAIN, ...(how === 'together' ? [] : [how]), ...SMALL, '--data', folder]
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  let [out, err] = ['', '']
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (err += text))
  child.stdout.setEncoding('utf8').on('data', (text: string) => void (out += text))
  while (!/^ready$/m.test(out) || !out.includes('curl -s http')) {
    assert.equal(child.exitCode, null, err)
    await Promise.race([once(child.stdout, 'data'), once(child, 'close')])
  }
  const commands = [...out.matchAll(/curl -s -X (\w+) (\S+) .* -d '(.*)'/g)]
  return {
    child,
    url: /http:\/\/[\d.:]+(?= )/.exec(out)![0],
    commands: commands.map(([, method, at, body]) => ({ method: method!, at: at!, body: body! })),
    said: () => out,
    errors: () => err,
    stop: async () => {
      child.kill('SIGTERM')
      const [code] = (await once(child, 'close')) as [number | null]
      return code
    },
  }
}
