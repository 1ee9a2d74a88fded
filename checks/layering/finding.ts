/** One broken rule at one place. */
export type Finding = {
  readonly file: string
  readonly line: number
  readonly rule: string
  /** What was found there. */
  readonly found: string
  /** What to do. */
  readonly remedy: string
}

export function describe({ file, line, rule, found, remedy }: Finding): string {
  return `${file}:${line}  ${rule}\n    ${found}\n    ${remedy}`
}
