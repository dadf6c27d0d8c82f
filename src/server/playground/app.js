// Opens GraphiQL on this server, with one tab for each ready operation the first time.
(async () => {
  const place = document.getElementById("graphiql");
  if (!window.GraphiQL || !window.ReactDOM) {
    const note = document.createElement("p");
    note.textContent =
      "GraphiQL could not be loaded from its CDN. The API itself is at /graphql and needs nothing from elsewhere.";
    place.replaceChildren(note);
    return;
  }
  const answer = await fetch("/graphiql/operations.json");
  const operations = answer.ok ? await answer.json() : [];
  // A link such as /graphiql?tab=Listing opens that operation alone.
  const wanted = new URLSearchParams(location.search).get("tab");
  const chosen = operations.filter((operation) => operation.name === wanted);
  const tabs = (chosen.length ? chosen : operations).map(({ query }) => ({ query }));
  const storage = chosen.length
    ? { getItem: () => null, setItem() {}, removeItem() {}, clear() {}, length: 0 }
    : undefined;
  const fetcher = GraphiQL.createFetcher({ url: "/graphql" });
  ReactDOM.createRoot(place).render(
    React.createElement(GraphiQL, {
      fetcher,
      defaultTabs: tabs,
      storage,
      shouldPersistHeaders: true,
      defaultEditorToolsVisibility: true,
    }),
  );
})();
