// SPDX-License-Identifier: GPL-2.0-only
/*
 * cardmux.c: a guest's side of an ivshmem-doorbell device whose BAR2 is a cardmux region (proto/layout.h).
 *
 * What programs see is in cardmux_ioctl.h: one open file of /dev/cardmuxN is one queue pair. What the module adds to
 * mapping BAR2 through sysfs: interrupts, no need of root, a cached mapping, and a border between the processes of one
 * guest, each of which can map its own pair and no other.
 *
 * Install: make source DEST=/usr/src/cardmux-0.1.0 && dkms install cardmux/0.1.0, then 60-cardmux.rules to
 * /etc/udev/rules.d. By hand: make && insmod cardmux.ko.
 *
 * Other people's ivshmem devices have the same PCI id. One that does not begin with our magic is refused with ENODEV
 * in probe, so that another driver may have it.
 *
 * Whose pair. A pair has an owner (an open file) or is free. When its file is released (last descriptor closed and last
 * mapping gone, so also after kill -9), we write epoch_wanted = 0 and ring the host. The broker sets epoch = 0 when the
 * owner's last job has left the card. Until then the pair is not given out: a late result would land in the slots of
 * the next owner. When it is given out, it is first overwritten with zeros, or the next owner could read what the last
 * one had in its slots. The epoch handshake itself (epoch_wanted = something new) is the program's; if it leaves that
 * out it harms itself only. A host that never answers keeps a pair from being given out again, not the others.
 *
 * Caching. BAR2 is ordinary host RAM in the hypervisor's page cache, mapped there write-back. On arm64 a device mapping
 * of ours would not be coherent with it, and unaligned copies would fault; on x86 it would be coherent but slow. So
 * pages are mapped write-back. On x86 remap_pfn_range() refuses that below 4 GiB, where the firmware's MTRRs call all of
 * the PCI hole uncached (and the effective type is the hypervisor's business anyway); so entries are set through
 * apply_to_page_range(), as graphics drivers do for their apertures.
 *
 * Unplug. The device can go while files are open and mapped. remove() marks it gone, takes all mapped pages away, and
 * only then lets page faults in again; these give pages of zeros of the file's own (one for each offset, so that no
 * two places alias). A process reads generation 0 and sees POLLHUP; it is not killed by SIGBUS.
 *
 * Locks, in this order: mmap_lock (the kernel's, in fault) > gone_lock > what the kernel takes inside unmapping.
 * claim_lock stands apart and is never held together with mmap_lock.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/poll.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include <linux/wait.h>
#include "proto/layout.h"
#include "cardmux_ioctl.h"

#define BAR_REGISTERS 0
#define BAR_REGION    2
#define REG_DOORBELL  12
#define EMPTY_WAIT_MS 5000 /* for the broker's first word into a region of zeros */
#define GHOST_PAGES   ((CM_HEADER_SIZE + CM_QP_SIZE) / PAGE_SIZE)

struct card;

struct pair {
	struct card *card;
	u32 number;
	struct file *owner; /* under claim_lock; NULL: free */
	atomic_t rung;      /* interrupts not yet read */
	wait_queue_head_t rings;
	char irq_name[32];
};

struct card {
	struct kref refs; /* the PCI device's, and one for each open file */
	struct pci_dev *pdev;
	struct miscdevice misc;
	char name[16];
	int id;
	phys_addr_t region_at;
	size_t region_size;
	void *region;         /* our own mapping of it all; not after gone */
	bool region_is_ioremap;
	void __iomem *registers;
	u32 host_peer;
	u32 pair_count;
	struct mutex claim_lock;
	struct rw_semaphore gone_lock; /* for reading while BARs are used */
	bool gone;
	struct pair pairs[CM_QP_MAX];
};

/* What an open file has: its pair, and pages that stand in for the device's after unplug. */
struct opened {
	struct card *card;
	struct pair *pair;
	struct mutex ghost_lock;
	struct page *ghosts[GHOST_PAGES];
};

static DEFINE_IDA(card_ids);

static void card_free(struct kref *refs)
{
	struct card *card = container_of(refs, struct card, refs);

	ida_free(&card_ids, card->id);
	kfree(card);
}

/* ---- the region, as we touch it ourselves: under gone_lock, and not gone ---- */

static u32 *pair_word(struct pair *pair, size_t offset)
{
	return pair->card->region + CM_QP_OFFSET(pair->number) + offset;
}

static void pair_ring(struct pair *pair)
{
	wmb(); /* what was written to the region is visible before the host is rung */
	iowrite32(pair->card->host_peer << 16 | pair->number, pair->card->registers + REG_DOORBELL);
}

static bool pair_is_idle(struct pair *pair)
{
	return READ_ONCE(*pair_word(pair, offsetof(struct cm_control, epoch))) == 0;
}

/* Everything but the broker's own line. */
static void pair_wipe(struct pair *pair)
{
	memset(pair_word(pair, offsetof(struct cm_control, epoch_wanted)), 0,
	       CM_QP_SIZE - offsetof(struct cm_control, epoch_wanted));
}

/* ---- files ---- */

static int pair_claim(struct card *card, struct opened *opened, struct file *file)
{
	int error = -EBUSY;
	u32 i;

	mutex_lock(&card->claim_lock);
	for (i = 0; i < card->pair_count; i++) {
		struct pair *pair = &card->pairs[i];

		if (pair->owner)
			continue;
		if (!pair_is_idle(pair)) {
			error = -EAGAIN;
			continue;
		}
		pair_wipe(pair);
		atomic_set(&pair->rung, 0);
		pair->owner = file;
		opened->pair = pair;
		error = 0;
		break;
	}
	mutex_unlock(&card->claim_lock);
	return error;
}

static int cardmux_open(struct inode *inode, struct file *file)
{
	struct card *card = container_of(file->private_data, struct card, misc);
	struct opened *opened = kzalloc(sizeof(*opened), GFP_KERNEL_ACCOUNT);
	int error;

	if (!opened)
		return -ENOMEM;
	mutex_init(&opened->ghost_lock);
	opened->card = card;
	down_read(&card->gone_lock);
	error = card->gone ? -ENODEV : pair_claim(card, opened, file);
	up_read(&card->gone_lock);
	if (error) {
		kfree(opened);
		return error;
	}
	kref_get(&card->refs);
	file->private_data = opened;
	return stream_open(inode, file);
}

static int cardmux_release(struct inode *inode, struct file *file)
{
	struct opened *opened = file->private_data;
	struct card *card = opened->card;
	struct pair *pair = opened->pair;
	size_t i;

	down_read(&card->gone_lock);
	if (!card->gone) {
		WRITE_ONCE(*pair_word(pair, offsetof(struct cm_control, wake_at)), 0); /* as in pairs_leave */
		WRITE_ONCE(*pair_word(pair, offsetof(struct cm_control, epoch_wanted)), 0);
		pair_ring(pair);
	}
	mutex_lock(&card->claim_lock);
	pair->owner = NULL;
	mutex_unlock(&card->claim_lock);
	up_read(&card->gone_lock);
	for (i = 0; i < GHOST_PAGES; i++)
		if (opened->ghosts[i])
			__free_page(opened->ghosts[i]);
	kfree(opened);
	kref_put(&card->refs, card_free);
	return 0;
}

static long cardmux_ioctl(struct file *file, unsigned int request, unsigned long argument)
{
	struct opened *opened = file->private_data;
	struct card *card = opened->card;
	struct cardmux_info info = {
		.qp = opened->pair->number,
		.qp_count = card->pair_count,
		.qp_size = CM_QP_SIZE,
		.region_size = card->region_size,
	};
	long error = 0;

	switch (request) {
	case CARDMUX_IOC_INFO:
		return copy_to_user((void __user *)argument, &info, sizeof(info)) ? -EFAULT : 0;
	case CARDMUX_IOC_RING:
		down_read(&card->gone_lock);
		if (card->gone)
			error = -ENODEV;
		else
			pair_ring(opened->pair);
		up_read(&card->gone_lock);
		return error;
	default:
		return -ENOTTY;
	}
}

static ssize_t cardmux_read(struct file *file, char __user *to, size_t length, loff_t *at)
{
	struct opened *opened = file->private_data;
	struct pair *pair = opened->pair;
	u64 count;

	if (length < sizeof(count))
		return -EINVAL;
	while (!(count = (u32)atomic_xchg(&pair->rung, 0))) {
		if (READ_ONCE(opened->card->gone))
			return -ENODEV;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(pair->rings, atomic_read(&pair->rung) || READ_ONCE(opened->card->gone)))
			return -ERESTARTSYS;
	}
	return copy_to_user(to, &count, sizeof(count)) ? -EFAULT : (ssize_t)sizeof(count);
}

static __poll_t cardmux_poll(struct file *file, poll_table *table)
{
	struct opened *opened = file->private_data;

	poll_wait(file, &opened->pair->rings, table);
	if (READ_ONCE(opened->card->gone))
		return EPOLLHUP | EPOLLERR;
	return atomic_read(&opened->pair->rung) ? EPOLLIN | EPOLLRDNORM : 0;
}

/* ---- mappings ---- */

struct fill {
	struct mm_struct *mm;
	unsigned long pfn, start;
	pgprot_t prot;
};

static int fill_entry(pte_t *entry, unsigned long address, void *data)
{
	struct fill *fill = data;
	unsigned long pfn = fill->pfn + ((address - fill->start) >> PAGE_SHIFT);

	if (pte_none(*entry))
		set_pte_at(fill->mm, address, entry, pte_mkspecial(pfn_pte(pfn, fill->prot)));
	return 0;
}

/* The device's pages, all of the mapping at once. */
static vm_fault_t fault_real(struct vm_area_struct *vma, struct opened *opened)
{
	phys_addr_t at = opened->card->region_at;
	struct fill fill = {.mm = vma->vm_mm, .start = vma->vm_start, .prot = vma->vm_page_prot};

	if (vma->vm_pgoff)
		at += CM_QP_OFFSET(opened->pair->number) + (((u64)vma->vm_pgoff << PAGE_SHIFT) - CARDMUX_QP_OFFSET);
	fill.pfn = at >> PAGE_SHIFT;
	if (apply_to_page_range(vma->vm_mm, vma->vm_start, vma->vm_end - vma->vm_start, fill_entry, &fill))
		return VM_FAULT_OOM;
	return VM_FAULT_NOPAGE;
}

static vm_fault_t fault_ghost(struct vm_fault *vmf, struct opened *opened)
{
	vm_fault_t result = VM_FAULT_OOM;
	struct page **ghost;

	if (vmf->pgoff >= GHOST_PAGES)
		return VM_FAULT_SIGBUS;
	ghost = &opened->ghosts[vmf->pgoff];
	mutex_lock(&opened->ghost_lock);
	if (!*ghost)
		*ghost = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (*ghost)
		result = vmf_insert_pfn(vmf->vma, vmf->address, page_to_pfn(*ghost));
	mutex_unlock(&opened->ghost_lock);
	return result;
}

static vm_fault_t cardmux_fault(struct vm_fault *vmf)
{
	struct opened *opened = vmf->vma->vm_file->private_data;
	vm_fault_t result;

	down_read(&opened->card->gone_lock);
	result = opened->card->gone ? fault_ghost(vmf, opened) : fault_real(vmf->vma, opened);
	up_read(&opened->card->gone_lock);
	return result;
}

static int cardmux_may_split(struct vm_area_struct *vma, unsigned long address)
{
	return -EINVAL; /* all of it or none: what fault fills in is the whole */
}

static const struct vm_operations_struct cardmux_vm_ops = {
	.fault = cardmux_fault,
	.may_split = cardmux_may_split,
};

static int cardmux_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long length = vma->vm_end - vma->vm_start;
	unsigned long off = vma->vm_pgoff << PAGE_SHIFT;
	unsigned long drop = VM_MAYEXEC;

	if (!(vma->vm_flags & VM_SHARED) || (vma->vm_flags & VM_EXEC))
		return -EINVAL;
	if (off == 0 && length == CARDMUX_HEADER_LENGTH) {
		if (vma->vm_flags & VM_WRITE)
			return -EPERM;
		drop |= VM_MAYWRITE;
	} else if (off != CARDMUX_QP_OFFSET || length != CM_QP_SIZE) {
		return -EINVAL;
	}
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_mod(vma, VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP, drop);
#else
	vma->vm_flags |= VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP;
	vma->vm_flags &= ~drop;
#endif
	vma->vm_ops = &cardmux_vm_ops;
	return 0;
}

static const struct file_operations cardmux_fops = {
	.owner = THIS_MODULE,
	.open = cardmux_open,
	.release = cardmux_release,
	.unlocked_ioctl = cardmux_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.read = cardmux_read,
	.poll = cardmux_poll,
	.mmap = cardmux_mmap,
};

/* ---- the device ---- */

static irqreturn_t cardmux_interrupt(int irq, void *data)
{
	struct pair *pair = data;

	atomic_inc(&pair->rung);
	wake_up(&pair->rings);
	return IRQ_HANDLED;
}

/*
 * A region that no broker has served yet is all zeros, like anybody's. A guest that boots in that moment waits a
 * little; one that gave up is told of a later broker by its administrator: echo ADDRESS > /sys/bus/pci/drivers_probe.
 */
static int region_look(struct card *card, struct cm_header *header)
{
	int waited;

	for (waited = 0; waited <= EMPTY_WAIT_MS; waited += 20) {
		memcpy(header, card->region, sizeof(*header));
		if (header->magic)
			break;
		msleep(20);
	}
	if (header->magic != CM_MAGIC)
		return -ENODEV;
	if (header->version != CM_LAYOUT_VERSION || header->qp_count < 1 || header->qp_count > CM_QP_MAX ||
	    header->region_size > card->region_size || CM_QP_OFFSET(header->qp_count) > header->region_size) {
		dev_err(&card->pdev->dev, "region of version %u, %u queue pairs, %u bytes: not ours to drive\n",
			header->version, header->qp_count, header->region_size);
		return -ENODEV;
	}
	card->host_peer = header->host_peer & 0xffff;
	return 0;
}

static int region_map(struct card *card)
{
	struct pci_dev *pdev = card->pdev;

	card->region_at = pci_resource_start(pdev, BAR_REGION);
	card->region_size = pci_resource_len(pdev, BAR_REGION);
	if (!(pci_resource_flags(pdev, BAR_REGION) & IORESOURCE_MEM) || card->region_size < CM_QP_OFFSET(1))
		return -ENODEV;
	card->region = memremap(card->region_at, card->region_size, MEMREMAP_WB);
	if (!card->region && IS_ENABLED(CONFIG_X86)) { /* the MTRRs again; harmless there, see above */
		card->region = (void __force *)pci_ioremap_bar(pdev, BAR_REGION);
		card->region_is_ioremap = true;
	}
	return card->region ? 0 : -ENOMEM;
}

static void region_unmap(struct card *card)
{
	if (card->region_is_ioremap)
		iounmap((void __iomem __force *)card->region);
	else if (card->region)
		memunmap(card->region);
	card->region = NULL;
}

static void vectors_free(struct card *card, u32 count)
{
	while (count--)
		free_irq(pci_irq_vector(card->pdev, count), &card->pairs[count]);
	pci_free_irq_vectors(card->pdev);
}

/* A pair without a vector of its own is not used. */
static int vectors_request(struct card *card, u32 qp_count)
{
	int got = pci_alloc_irq_vectors(card->pdev, 1, qp_count, PCI_IRQ_MSIX);
	int error;
	u32 i;

	if (got < 0)
		return got;
	card->pair_count = got;
	for (i = 0; i < card->pair_count; i++) {
		struct pair *pair = &card->pairs[i];

		snprintf(pair->irq_name, sizeof(pair->irq_name), "%s-%u", card->name, i);
		error = request_irq(pci_irq_vector(card->pdev, i), cardmux_interrupt, 0, pair->irq_name, pair);
		if (error) {
			vectors_free(card, i);
			return error;
		}
	}
	return 0;
}

static struct card *card_alloc(struct pci_dev *pdev)
{
	struct card *card = kzalloc(sizeof(*card), GFP_KERNEL);
	u32 i;

	if (!card)
		return NULL;
	card->id = ida_alloc(&card_ids, GFP_KERNEL);
	if (card->id < 0) {
		kfree(card);
		return NULL;
	}
	card->pdev = pdev;
	kref_init(&card->refs);
	mutex_init(&card->claim_lock);
	init_rwsem(&card->gone_lock);
	snprintf(card->name, sizeof(card->name), "cardmux%d", card->id);
	for (i = 0; i < CM_QP_MAX; i++) {
		card->pairs[i].card = card;
		card->pairs[i].number = i;
		init_waitqueue_head(&card->pairs[i].rings);
	}
	card->misc = (struct miscdevice){
		.minor = MISC_DYNAMIC_MINOR,
		.name = card->name,
		.fops = &cardmux_fops,
		.parent = &pdev->dev,
		.mode = 0600,
	};
	return card;
}

/*
 * Tells the host that nobody is there: at the start, for what it still has of owners before us (another kernel, a
 * process without the module); at the end, so that it rings nobody (QEMU without irqfds does not survive being rung
 * for a device that it has let go).
 */
static void pairs_leave(struct card *card)
{
	u32 i;

	for (i = 0; i < card->pair_count; i++) {
		WRITE_ONCE(*pair_word(&card->pairs[i], offsetof(struct cm_control, wake_at)), 0);
		WRITE_ONCE(*pair_word(&card->pairs[i], offsetof(struct cm_control, epoch_wanted)), 0);
		pair_ring(&card->pairs[i]);
	}
}

static int cardmux_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct cm_header header;
	struct card *card = card_alloc(pdev);
	int error;

	if (!card)
		return -ENOMEM;
	error = pci_enable_device(pdev);
	if (error)
		goto put;
	error = region_map(card);
	if (error)
		goto disable;
	error = region_look(card, &header);
	if (error)
		goto unmap;
	error = pci_request_regions(pdev, "cardmux");
	if (error)
		goto unmap;
	error = -ENOMEM;
	card->registers = pci_iomap(pdev, BAR_REGISTERS, 0);
	if (!card->registers)
		goto regions;
	pci_set_master(pdev);
	error = vectors_request(card, header.qp_count);
	if (error)
		goto iounmap;
	pairs_leave(card);
	pci_set_drvdata(pdev, card);
	error = misc_register(&card->misc);
	if (error)
		goto vectors;
	dev_info(&pdev->dev, "%s: %u queue pairs\n", card->name, card->pair_count);
	return 0;
vectors:
	vectors_free(card, card->pair_count);
iounmap:
	pci_iounmap(pdev, card->registers);
regions:
	pci_release_regions(pdev);
unmap:
	region_unmap(card);
disable:
	pci_disable_device(pdev);
put:
	kref_put(&card->refs, card_free);
	return error;
}

static void cardmux_remove(struct pci_dev *pdev)
{
	struct card *card = pci_get_drvdata(pdev);
	u32 i;

	misc_deregister(&card->misc); /* no open from here on */
	down_write(&card->gone_lock);
	WRITE_ONCE(card->gone, true);
	/* Faults wait for gone_lock, so none fills a page in behind us, and none shows a ghost before all is flushed. */
	mutex_lock(&card->claim_lock);
	for (i = 0; i < card->pair_count; i++) {
		struct file *file = card->pairs[i].owner;

		if (file)
			unmap_mapping_range(file->f_mapping, 0, 0, 1);
	}
	mutex_unlock(&card->claim_lock);
	pairs_leave(card);
	up_write(&card->gone_lock);
	for (i = 0; i < card->pair_count; i++)
		wake_up_all(&card->pairs[i].rings);
	vectors_free(card, card->pair_count);
	pci_iounmap(pdev, card->registers);
	pci_release_regions(pdev);
	region_unmap(card);
	pci_disable_device(pdev);
	kref_put(&card->refs, card_free);
}

static const struct pci_device_id cardmux_ids[] = {{PCI_DEVICE(0x1af4, 0x1110)}, {}};
MODULE_DEVICE_TABLE(pci, cardmux_ids);

static struct pci_driver cardmux_driver = {
	.name = "cardmux",
	.id_table = cardmux_ids,
	.probe = cardmux_probe,
	.remove = cardmux_remove,
	.driver.probe_type = PROBE_PREFER_ASYNCHRONOUS, /* it can wait for the broker */
};
module_pci_driver(cardmux_driver);

MODULE_DESCRIPTION("cardmux virtual card over ivshmem");
MODULE_LICENSE("GPL");
