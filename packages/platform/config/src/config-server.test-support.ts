import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { realRuntime } from 'dure/runtime'
import { createLogger } from 'dure/telemetry'
import { startConfigServer, type ConfigServerOptions, type StartedConfigServer } from './started.ts'

type Teller = Pick<TestContext, 'after'>

export function temporary(t: Teller, inside?: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'dure-config-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = inside === undefined ? folder : join(folder, inside)
  mkdirSync(path, { recursive: true })
  return path
}

/** A server of its own, and what it logs. */
export async function started(
  t: Teller,
  options: ConfigServerOptions & { readonly directory?: string },
): Promise<StartedConfigServer & { readonly logged: () => string }> {
  let logged = ''
  const log = createLogger({ clock: realRuntime().clock, write: (line) => void (logged += line) })
  const server = await startConfigServer({ port: 0, directory: temporary(t), log, ...options })
  t.after(() => server.stop())
  return { ...server, logged: () => logged }
}

/** Waits until something is so; a machine may be slow. */
export async function until(what: string, is: () => boolean | Promise<boolean>, within: number = 120_000): Promise<void> {
  const end = performance.now() + within
  while (!(await is())) {
    if (performance.now() > end) throw new Error(`It is not so after ${within} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
