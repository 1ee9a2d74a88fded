import { appendFileSync } from 'node:fs'
import { NOTICE_REASONS, REJECT_REASONS, type NoticeReason, type RejectReason } from './errors.ts'

/** A row that was skipped: where, why, and what it said. */
export type Reject = { readonly file: string; readonly line: number; readonly reason: RejectReason; readonly detail: string }
export type Notice = { readonly file: string; readonly line: number; readonly reason: NoticeReason; readonly detail: string }

export type Rejects = {
  readonly reject: (reject: Reject) => void
  readonly notice: (notice: Notice) => void
  /** Writes out what is buffered; call it when the import ends. */
  readonly flush: () => void
  readonly summary: () => RejectSummary
}

export type RejectSummary = {
  readonly rejected: number
  readonly noticed: number
  readonly reasons: readonly ReasonSummary[]
}

export type ReasonSummary = {
  readonly reason: RejectReason | NoticeReason
  readonly rejected: boolean
  readonly meaning: string
  readonly count: number
  /** The first few, in order of the file. */
  readonly first: readonly { readonly file: string; readonly line: number; readonly detail: string }[]
}

/**
 * Counts bad rows by reason and keeps the first `keep` of each in memory. With `path` every one of them is
 * also appended to that file, one JSON object a line.
 */
export function collectRejects(options: { keep?: number; path?: string } = {}): Rejects {
  const { keep = 5, path } = options
  const reasons = new Map<string, { count: number; rejected: boolean; first: { file: string; line: number; detail: string }[] }>()
  let buffered = ''
  const flush = (): void => {
    if (path !== undefined && buffered !== '') appendFileSync(path, buffered)
    buffered = ''
  }
  const add = (entry: Reject | Notice, rejected: boolean): void => {
    const { file, line, reason, detail } = entry
    const known = reasons.get(reason) ?? { count: 0, rejected, first: [] }
    known.count++
    if (known.first.length < keep) known.first.push({ file, line, detail })
    reasons.set(reason, known)
    if (path === undefined) return
    buffered += `${JSON.stringify({ kind: rejected ? 'reject' : 'notice', file, line, reason, detail })}\n`
    if (buffered.length > 65_536) flush()
  }
  const total = (rejected: boolean): number =>
    [...reasons.values()].reduce((sum, one) => sum + (one.rejected === rejected ? one.count : 0), 0)
  return {
    reject: (reject) => add(reject, true),
    notice: (notice) => add(notice, false),
    flush,
    summary: () => ({
      rejected: total(true),
      noticed: total(false),
      reasons: [...reasons].map(([name, { count, rejected, first }]) => {
        const reason = name as RejectReason | NoticeReason
        return { reason, rejected, meaning: { ...REJECT_REASONS, ...NOTICE_REASONS }[reason], count, first }
      }),
    }),
  }
}

/** The report as lines of text: each reason with its count, and the first of them with file and line. */
export function describeRejects(summary: RejectSummary): string[] {
  const lines: string[] = []
  for (const { rejected, reason, meaning, count, first } of summary.reasons) {
    lines.push(`  ${rejected ? 'skipped' : 'noticed'} ${count.toLocaleString('en')} ${reason}: ${meaning}`)
    for (const { file, line, detail } of first) lines.push(`    ${file}:${line}  ${detail}`)
    if (count > first.length) lines.push(`    … and ${(count - first.length).toLocaleString('en')} more`)
  }
  return lines
}
