/** Writes text to standard error, where logs go unless told otherwise. */
export function standardError(text: string): void {
  process.stderr.write(text)
}
