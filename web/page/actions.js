// What a visitor takes along: a link to the picture, and the codes of the tensor.

const $ = (id) => document.getElementById(id);
const A_MINUTE = 60_000; // milliseconds: long enough for a browser to save a file

/** Copy the address of the picture; without a clipboard it is in the address bar. */
export function onShare({ address, holdsAFile }) {
  $("share").addEventListener("click", async () => {
    const link = address();
    history.replaceState(null, "", link);
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
