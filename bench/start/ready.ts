import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { freePort } from '@dure/testing/servers'
import { answered, started } from './process.ts'

const DURE = 'node_modules/@dure/cli/bin/dure.js'
/** What answers a query of the new project, and what is changed in it. */
const SERVICE = 'src/notes/service.ts'
const COUNT = /return \{ count: taken(?: \+ \d+)? \}/
/** Between two changes: somebody looks at the answer before they type on. */
const PAUSE = 300

/** From the start of the process to the first answer of a query over HTTP, on an empty folder. @returns milliseconds */
export async function dureReady(options: {
  readonly project: string
  readonly command: 'start' | 'dev'
  readonly data: string
}): Promise<number> {
  const port = await freePort()
  const { at, alive, stop } = started([DURE, options.command, '--port', String(port), '--data', options.data], options.project)
  try {
    return (await answered({ url: `http://127.0.0.1:${port}/notes/count`, wanted: '"count":0', alive })) - at
  } finally {
    await stop()
  }
}

/** From a change of the handler to its first new answer, under `dure dev`. @returns milliseconds, of each change */
export async function dureReload(project: string, changes: number): Promise<number[]> {
  const port = await freePort()
  const { alive, stop } = started([DURE, 'dev', '--port', String(port), '--data', join(project, '.dure-reload')], project)
  const url = `http://127.0.0.1:${port}/notes/count`
  const file = join(project, SERVICE)
  const results: number[] = []
  try {
    await answered({ url, wanted: '"count":0', alive })
    for (let change = 1; change <= changes; change++) {
      await wait(PAUSE)
      const text = readFileSync(file, 'utf8')
      if (!COUNT.test(text)) throw new Error(`Cannot measure: "${SERVICE}" of the new project answers its count in another way`)
      const at = performance.now()
      writeFileSync(file, text.replace(COUNT, `return { count: taken + ${change} }`))
      results.push((await answered({ url, wanted: `"count":${change}`, alive })) - at)
    }
    return results
  } finally {
    await stop()
  }
}
