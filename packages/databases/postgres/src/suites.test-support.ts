import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { ServerVersion } from './server.test-support.ts'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))

/** Runs test files of the library with their stores on the announced server; resolves with how many passed and what was said. */
export async function runSuites(
  version: ServerVersion,
  files: readonly string[],
): Promise<{ readonly passed: number; readonly failed: number; readonly output: string }> {
  const child = spawn(process.execPath, ['--conditions=source', '--test', '--test-reporter=tap', ...files], {
    cwd: ROOT,
    // A runner that believes itself to be inside another one reports to that.
    env: {
      ...process.env,
      NODE_TEST_CONTEXT: undefined,
      DURE_TEST_ADAPTER: new URL(`./adapter${version}.test-support.ts`, import.meta.url).href,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (text) => (output += String(text)))
  child.stderr.on('data', (text) => (output += String(text)))
  await new Promise((resolve) => child.on('close', resolve))
  const count = (what: string): number => Number(new RegExp(`^# ${what} (\\d+)`, 'm').exec(output)?.[1] ?? -1)
  return { passed: count('pass'), failed: count('fail'), output }
}
