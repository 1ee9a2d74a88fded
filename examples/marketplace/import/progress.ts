import { showProgress, type Terminal } from '../workload/progress.ts'
import type { ImportProgress } from './clients.ts'

/** Shows imports as they go on: a bar on a terminal, elsewhere a line every few seconds. */
export function showImport(terminal: Terminal): { readonly progress: ImportProgress; readonly stop: () => void } {
  let state: { what: string; done: number; of: number } = { what: 'seeing to the data …', done: 0, of: 0 }
  const shown = showProgress({ terminal, line: () => bar(state, terminal.isTTY === true) })
  return { progress: (what, done, of) => void (state = { what, done, of }), stop: shown.stop }
}

function bar({ what, done, of }: { what: string; done: number; of: number }, drawn: boolean): string {
  const fraction = of === 0 ? 0 : Math.min(1, done / of)
  const numbers =
    of === 0 ? what : `${what} ${done.toLocaleString('en')} of ${of.toLocaleString('en')} (${Math.floor(fraction * 100)} %)`
  if (!drawn) return numbers
  const full = Math.round(fraction * 30)
  return `${'█'.repeat(full)}${'░'.repeat(30 - full)} ${numbers}`
}
