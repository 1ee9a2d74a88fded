/** What stands in a layer. Paths are relative to the root of the image, with slashes; all times are 0, and all belongs to root unless it says otherwise. */
export type Entry =
  | { readonly kind: 'directory'; readonly path: string; readonly mode?: number; readonly owner?: number }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | { readonly kind: 'file'; readonly path: string; readonly executable?: boolean; readonly content: Uint8Array | FoundFile }

/** A file as it was found: what is read later must still be that. */
export type FoundFile = {
  readonly source: string
  readonly size: number
  readonly mark: string
  /** When it last changed, in milliseconds. */
  readonly changed: number
}
