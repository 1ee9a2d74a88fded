import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { realRuntime } from 'dure/runtime'

// Nobody is told when a parent ends; asking is cheap.
const INTERVAL = 500
const SHELL = /^-?(?:.*\/)?(?:ba|da|z|k|a)?sh$/

/**
 * Resolves when whoever started this process is gone: npm, which ends its shell and not what runs in that, or this
 * command on an older Node. Started by anybody else, a process may well outlive its parent, and this never resolves.
 */
export async function parentGone(env: Readonly<Partial<Record<string, string>>>): Promise<string> {
  const byNpm = env['npm_execpath'] !== undefined || env['npm_command'] !== undefined
  if (!byNpm && env['DURE_PINNED'] === undefined) return new Promise(() => {})
  const parent = process.ppid
  const { timers } = realRuntime()
  return new Promise((resolve) => {
    let runner = parent
    const look = (): void => {
      if (process.ppid === parent && isAlive(runner)) timers.after(INTERVAL, look)
      else resolve('whoever started it is gone')
    }
    look()
    if (byNpm) void runnerOf(parent).then((pid) => (runner = pid))
  })
}

/** npm, behind the shells that it runs a script in. */
async function runnerOf(parent: number): Promise<number> {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'ppid=', '-o', 'comm=', '-p', String(parent)])
    const [, ppid = '', name = ''] = /^\s*(\d+)\s+(.*?)\s*$/.exec(stdout) ?? []
    return SHELL.test(name) && Number(ppid) > 1 ? await runnerOf(Number(ppid)) : parent
  } catch {
    // No such command here: the parent alone is looked at.
    return parent
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
