import type { SqlRow } from '../data/data.ts'
import { openCheckpoint } from './checkpoint.ts'
import { commitment } from './commitment.ts'
import type { AuditFault, AuditVerdict } from './definition.ts'
import { grown, leafHash, rootOf, type Frontier } from './merkle.ts'

type Reading = {
  readonly log: string
  readonly verifier: string
  /** Lines that the log says it has. */
  readonly size: number
  /** A checkpoint that somebody has kept elsewhere: what it says was there must be there. */
  readonly known: string | undefined
  /** Lines with their hashes, in order. */
  readonly page: (after: number) => Promise<readonly SqlRow[]>
  readonly notes: (from: number, to: number) => Promise<ReadonlyMap<number, string>>
  readonly personal: (from: number, to: number) => Promise<readonly SqlRow[]>
}

/** Reads a log from its first line on, and names the first that is not as it was written. */
export async function verifyLog(reading: Reading): Promise<AuditVerdict> {
  const { log, verifier, size, page, notes } = reading
  const fault = (seq: number, what: AuditFault['what'], why: string): AuditVerdict => ({ ok: false, fault: { seq, what, why } })
  const kept = reading.known === undefined ? undefined : openCheckpoint(reading.known, verifier)
  if (reading.known !== undefined && kept === undefined)
    return fault(0, 'checkpoint', 'the checkpoint that was given is not signed by the key of this log')
  if (kept !== undefined && kept.size > size)
    return fault(size, 'removed', `the log has ${size} lines, and had ${kept.size} when that checkpoint was signed`)

  let frontier: Frontier = []
  let next = 0
  let note: string | undefined
  for (let rows = await page(-1); rows.length > 0; rows = await page(next - 1)) {
    const last = Number(rows.at(-1)!['seq'])
    const [signed, hidden] = [
      await notes(next + 1, last + 1),
      Map.groupBy(await reading.personal(next, last), ({ seq }) => Number(seq)),
    ]
    for (const row of rows) {
      const [seq, entry] = [Number(row['seq']), String(row['entry'])]
      if (seq !== next) return fault(next, 'removed', `after line ${next - 1} comes line ${seq}`)
      // Where the hash beside it was changed too, what was signed is what tells.
      const leaf = leafHash(entry)
      if (leaf.toString('base64') !== row['hash']) return fault(seq, 'changed', 'its hash is of other words')
      const said = readLine(entry)
      if (said.log !== log || said.seq !== seq) return fault(seq, 'moved', `it was written as line ${said.seq} of "${said.log}"`)
      for (const { name, salt, value } of hidden.get(seq) ?? [])
        if (commitment(String(salt), String(value)) !== said.personal?.[String(name)])
          return fault(seq, 'changed', `its personal value "${String(name)}" is another`)
      frontier = grown(frontier, seq, leaf)
      next++
      note = signed.get(next)
      if (note === undefined) return fault(seq, 'checkpoint', 'the checkpoint that was signed with it is gone')
      const opened = openCheckpoint(note, verifier)
      if (opened === undefined || opened.size !== next)
        return fault(seq, 'checkpoint', 'its checkpoint is not signed by the key of this log')
      if (!opened.root.equals(rootOf(frontier))) return fault(seq, 'changed', 'it is not the line whose hash was signed')
      if (kept?.size === next && !kept.root.equals(opened.root))
        return fault(seq, 'changed', 'it, or a line before it, is another than when the checkpoint that was given was signed')
      if (next > size) return fault(seq, 'added', `the log says that it has ${size} lines`)
    }
  }
  return next < size ? fault(next, 'removed', `the log says that it has ${size} lines`) : { ok: true, size, checkpoint: note }
}

type Said = { readonly log?: unknown; readonly seq?: unknown; readonly personal?: Readonly<Record<string, string>> }

function readLine(entry: string): Said {
  try {
    return JSON.parse(entry) as Said
  } catch {
    return {}
  }
}
