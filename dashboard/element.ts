/** The element of this page with that id. */
export function element(id: string): HTMLElement {
  const found = document.getElementById(id)
  if (!found) throw new Error(`the page must have an element #${id}`)
  return found
}
