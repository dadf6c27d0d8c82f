// Reading a Relay connection to its end, one page at a time.

type PageInfo = { hasNextPage: boolean; endCursor?: string | null }

/** Every page of a connection; stop the loop early and no further page is asked for. */
export async function* pages<Page extends { pageInfo: PageInfo }>(
  read: (after: string | null) => Promise<Page>,
): AsyncGenerator<Page, void> {
  let after: string | null = null
  for (;;) {
    const page: Page = await read(after)
    yield page
    const { hasNextPage, endCursor } = page.pageInfo
    if (!hasNextPage) return
    if (endCursor == null || endCursor === after) throw new Error('a page that is not the last has no further cursor')
    after = endCursor
  }
}
