// What a visitor takes along, a link to the picture and the codes of the tensor, and the
// way past the header.

const $ = (id) => document.getElementById(id);
const A_MINUTE = 60_000; // milliseconds: long enough for a browser to save a file

/** Copy the address of the picture, which `address` puts into the address bar too. */
export function onShare({ address, holdsAFile }) {
  $("share").addEventListener("click", async () => {
    const link = address();
    const local = holdsAFile() ? " It names your file and does not hold it." : "";
    try {
      await navigator.clipboard.writeText(link);
      $("share-text").textContent = `Copied.${local}`;
    } catch {
      $("share-text").textContent = `It is in the address bar.${local}`;
    }
  });
}

/** Save what `pack` promises: `{ name, bytes }`. */
export function onDownload(pack) {
  $("download").addEventListener("click", async () => {
    $("download-text").textContent = "Packing …";
    try {
      const { name, bytes } = await pack();
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([bytes], { type: "application/zip" }));
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), A_MINUTE);
      $("download-text").textContent = `${name} is ready.`;
    } catch (error) {
      $("download-text").textContent = error.message;
    }
  });
}

/**
 * The link past the header. At once, and not as another address: when a browser tells of
 * that one, a visitor who is quick with the keyboard has moved on, and would be put back.
 */
export function onSkip(main) {
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus({ preventScroll: true });
    main.scrollIntoView();
  });
}
